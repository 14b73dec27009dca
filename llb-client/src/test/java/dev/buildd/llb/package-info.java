/** Tests of the encoding of builds. */
@NullMarked
package dev.buildd.llb;

import org.jspecify.annotations.NullMarked;
