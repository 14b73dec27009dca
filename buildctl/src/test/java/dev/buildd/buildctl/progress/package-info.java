/** Tests. */
@NullMarked
package dev.buildd.buildctl.progress;

import org.jspecify.annotations.NullMarked;
