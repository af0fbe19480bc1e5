"""The committed benchmark of the repository; the engine is `tokmill.bench`, which users have too as `tokmill bench`."""
