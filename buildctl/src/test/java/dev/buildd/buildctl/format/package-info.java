/** Tests. */
@NullMarked
package dev.buildd.buildctl.format;

import org.jspecify.annotations.NullMarked;
