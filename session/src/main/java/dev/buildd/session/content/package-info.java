/** Blobs that a client keeps: image layouts and build caches in its directories. */
@org.jspecify.annotations.NullMarked
package dev.buildd.session.content;
