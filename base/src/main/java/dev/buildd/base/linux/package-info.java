/** Linux system calls that the JDK lacks. */
@NullMarked
package dev.buildd.base.linux;

import org.jspecify.annotations.NullMarked;
