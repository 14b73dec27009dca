/** Manual pages and completions for shells, made of what a program knows about its command line. */
@NullMarked
package dev.buildd.base.reference;

import org.jspecify.annotations.NullMarked;
