import pytest

from acereason.config.schema import ClusterConfig, EngineLayout, TrainerLayout


@pytest.fixture(scope="session")
def cluster_config() -> ClusterConfig:
    return ClusterConfig(
        name="test",
        device="cpu",
        ray_address=None,
        trainer=TrainerLayout(1, 1, 1, False, 1, 1024),
        engine=EngineLayout(1, 1, 1, 8, 0.1),
        start_timeout_s=300,
        step_timeout_s=300,
    )
