package dev.buildd.solver.executor;

import java.io.OutputStream;

/** Where a process writes. Standard input is empty. Writes come from one thread for each stream. */
public record ProcessIo(OutputStream stdout, OutputStream stderr) {}
