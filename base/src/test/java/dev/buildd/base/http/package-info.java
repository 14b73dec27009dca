@NullMarked
package dev.buildd.base.http;

import org.jspecify.annotations.NullMarked;
