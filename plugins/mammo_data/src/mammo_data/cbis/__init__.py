"""CBIS-DDSM: curated lesions of the DDSM, doi 10.7937/K9/TCIA.2016.7O02S9CY."""
