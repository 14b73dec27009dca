@NullMarked
package dev.buildd.frontend.dockerfile.convert;

import org.jspecify.annotations.NullMarked;
