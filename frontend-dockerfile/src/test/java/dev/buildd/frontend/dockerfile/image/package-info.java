@NullMarked
package dev.buildd.frontend.dockerfile.image;

import org.jspecify.annotations.NullMarked;
