-- Keycloak keeps its tables apart from the product's. Runs once, on an empty volume.
CREATE DATABASE keycloak;
