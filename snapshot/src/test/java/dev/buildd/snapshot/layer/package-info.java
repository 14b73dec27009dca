@NullMarked
package dev.buildd.snapshot.layer;

import org.jspecify.annotations.NullMarked;
