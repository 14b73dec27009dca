package dev.buildd.solver.gateway;

import dev.buildd.solver.llb.Entitlements;
import dev.buildd.solver.ops.ExecSettings;

/**
 * What the containers of a build's frontends are made with.
 *
 * @param entitlements of the build: asked for each process, as for each step
 */
public record ContainerSettings(ExecSettings exec, Entitlements entitlements) {}
