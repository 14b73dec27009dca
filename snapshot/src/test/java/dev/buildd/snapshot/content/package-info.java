@NullMarked
package dev.buildd.snapshot.content;

import org.jspecify.annotations.NullMarked;
