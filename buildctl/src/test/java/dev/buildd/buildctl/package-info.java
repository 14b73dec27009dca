/** Tests of the command line. */
@NullMarked
package dev.buildd.buildctl;

import org.jspecify.annotations.NullMarked;
