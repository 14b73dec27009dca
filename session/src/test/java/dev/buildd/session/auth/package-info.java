@NullMarked
package dev.buildd.session.auth;

import org.jspecify.annotations.NullMarked;
