@NullMarked
package dev.buildd.session.filesync.transfer;

import org.jspecify.annotations.NullMarked;
