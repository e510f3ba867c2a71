"""A long run of clients that listen in five ways, break off at random and go on where they were."""
