@NullMarked
package dev.buildd.base.content;

import org.jspecify.annotations.NullMarked;
