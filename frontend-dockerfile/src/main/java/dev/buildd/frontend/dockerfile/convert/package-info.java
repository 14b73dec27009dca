/**
 * From a Dockerfile to the steps that build it and the configuration of the image (sections 3 and
 * 4). {@link dev.buildd.frontend.dockerfile.convert.Conversion} tells the order of work; each kind
 * of instruction has a class of its own.
 */
@NullMarked
package dev.buildd.frontend.dockerfile.convert;

import org.jspecify.annotations.NullMarked;
