from common_apps.audit.services.chain import Break, head, seal, verify
from common_apps.audit.services.recording import record

__all__ = ["Break", "head", "record", "seal", "verify"]
