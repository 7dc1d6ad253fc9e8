"""A pipeline for models: trained, compared with the incumbent, replayed, published to a few stations, or refused."""
