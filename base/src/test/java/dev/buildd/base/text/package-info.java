/** Tests of values as users write them. */
@NullMarked
package dev.buildd.base.text;

import org.jspecify.annotations.NullMarked;
