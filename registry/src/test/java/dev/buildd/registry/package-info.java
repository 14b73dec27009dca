@NullMarked
package dev.buildd.registry;

import org.jspecify.annotations.NullMarked;
