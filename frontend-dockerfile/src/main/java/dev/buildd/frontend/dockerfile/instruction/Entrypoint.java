package dev.buildd.frontend.dockerfile.instruction;

/** What containers of the image run. */
public record Entrypoint(Origin origin, CommandLine command) implements Instruction {}
