/** Tests' hold on the threads of the program. */
@org.jspecify.annotations.NullMarked
package dev.buildd.base.concurrent;
