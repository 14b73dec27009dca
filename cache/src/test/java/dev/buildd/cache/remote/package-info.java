@org.jspecify.annotations.NullMarked
package dev.buildd.cache.remote;
