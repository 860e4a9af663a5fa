//! Creating and destroying labs: sites that runproof itself made and may break.
