/** Tests. */
@NullMarked
package dev.buildd.buildctl.cli;

import org.jspecify.annotations.NullMarked;
