@NullMarked
package dev.buildd.cache.registry;

import org.jspecify.annotations.NullMarked;
