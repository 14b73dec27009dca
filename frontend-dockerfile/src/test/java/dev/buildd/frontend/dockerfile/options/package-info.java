@NullMarked
package dev.buildd.frontend.dockerfile.options;

import org.jspecify.annotations.NullMarked;
