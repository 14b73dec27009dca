@NullMarked
package dev.buildd.frontend.dockerfile.context;

import org.jspecify.annotations.NullMarked;
