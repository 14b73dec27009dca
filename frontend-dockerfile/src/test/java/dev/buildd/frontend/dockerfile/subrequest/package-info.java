@NullMarked
package dev.buildd.frontend.dockerfile.subrequest;

import org.jspecify.annotations.NullMarked;
