"""programs.py - where the programs under test are: from the environment, else in the build folder."""
import os
from pathlib import Path

BUILD = Path(os.environ.get("SLUICE_BUILD", Path(__file__).resolve().parents[2] / "build"))
SLUICE = os.environ.get("SLUICE", str(BUILD / "sluice"))
KUBELET = os.environ.get("KUBELET", str(BUILD / "tests" / "kubelet"))
MOCK_KAFKA = os.environ.get("MOCK_KAFKA", str(BUILD / "tests" / "mock_kafka"))
