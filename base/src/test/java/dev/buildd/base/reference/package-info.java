@NullMarked
package dev.buildd.base.reference;

import org.jspecify.annotations.NullMarked;
