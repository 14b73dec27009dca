/**
 * Filesystem state of builds: snapshots and their mounts. The packages below hold the durable
 * store, the content store with its leases, and the layer (tar) codec.
 */
@NullMarked
package dev.buildd.snapshot;

import org.jspecify.annotations.NullMarked;
