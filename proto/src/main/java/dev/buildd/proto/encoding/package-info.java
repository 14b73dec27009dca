/** The two encodings of messages that must equal Go's byte for byte. */
@NullMarked
package dev.buildd.proto.encoding;

import org.jspecify.annotations.NullMarked;
