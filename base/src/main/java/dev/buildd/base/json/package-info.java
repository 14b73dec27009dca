/** JSON as Go writes it. */
@NullMarked
package dev.buildd.base.json;

import org.jspecify.annotations.NullMarked;
