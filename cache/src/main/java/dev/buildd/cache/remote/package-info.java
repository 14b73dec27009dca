/** Build caches that leave the machine and come back. */
@org.jspecify.annotations.NullMarked
package dev.buildd.cache.remote;
