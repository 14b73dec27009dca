/** Texts as Go programs print them: tables, sizes, templates, JSON, CSV. */
@NullMarked
package dev.buildd.buildctl.format;

import org.jspecify.annotations.NullMarked;
