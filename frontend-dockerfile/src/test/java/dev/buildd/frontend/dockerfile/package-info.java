@NullMarked
package dev.buildd.frontend.dockerfile;

import org.jspecify.annotations.NullMarked;
