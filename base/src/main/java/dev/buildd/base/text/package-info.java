/** Values as users write them in flags and attributes. */
@NullMarked
package dev.buildd.base.text;

import org.jspecify.annotations.NullMarked;
