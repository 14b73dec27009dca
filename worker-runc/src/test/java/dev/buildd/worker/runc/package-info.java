@NullMarked
package dev.buildd.worker.runc;

import org.jspecify.annotations.NullMarked;
