package dev.buildd.solver.gateway;

import dev.buildd.solver.llb.Entitlements;
import dev.buildd.solver.ops.ExecSettings;
import java.util.Optional;

/**
 * What the containers of a build's frontends are made with.
 *
 * @param entitlements of the build: asked for each process, as for each step
 * @param traceparent where in a trace the build belongs, if it does
 */
public record ContainerSettings(
    ExecSettings exec, Entitlements entitlements, Optional<String> traceparent) {}
