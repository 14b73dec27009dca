package dev.buildd.cache;

import dev.buildd.cache.contenthash.OpenTree;

/** A ref's files at a path, until closed. */
public interface Mounted extends OpenTree {}
