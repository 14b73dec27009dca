/** Values as users write them in flags and attributes, and random names. */
@NullMarked
package dev.buildd.base.text;

import org.jspecify.annotations.NullMarked;
