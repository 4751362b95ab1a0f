"""What trackdrive_assets promises. The folders mirror the package."""
