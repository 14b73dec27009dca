/** Commands, their flags and their help, laid out as BuildKit's users know them. */
@NullMarked
package dev.buildd.buildctl.cli;

import org.jspecify.annotations.NullMarked;
