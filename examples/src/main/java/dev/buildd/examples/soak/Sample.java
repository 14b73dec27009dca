package dev.buildd.examples.soak;

/**
 * What was seen at a moment, with builds under way.
 *
 * @param seconds since the soak began
 * @param generation how often the daemon had been started
 * @param builds how many had ended
 * @param used bytes of the daemon's filesystem, as that counts them
 * @param resident bytes
 * @param proportional bytes
 * @param heap bytes, garbage included
 * @param threads that the kernel knows
 * @param descriptors without the store's tables
 * @param mounts below the root
 * @param processes below the daemon
 * @param holds leases and references
 */
record Sample(
    double seconds,
    int generation,
    int builds,
    long used,
    long resident,
    long proportional,
    long heap,
    long threads,
    long descriptors,
    int mounts,
    int processes,
    long holds) {}
