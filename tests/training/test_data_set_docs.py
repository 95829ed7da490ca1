from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from findings.errors import ConfigError
from training.config import SourceConfig
from training.datasets import open_source
from training.datasets.class_map import class_map_names, class_map_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data-sets.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_of_the_page_is_a_source_that_lacks_nothing_but_its_folder(block: str) -> None:
    config = SourceConfig.model_validate(yaml.safe_load(block))
    class_map_of(config)
    if config.kind == "generated_concrete":
        assert len(open_source(config, ("red", "green", "blue"), ("crack",))) == 0
        return
    nowhere = config.model_copy(update={"root": Path("nowhere")})
    with pytest.raises(ConfigError, match=r"nowhere.*(missing|no such folder|cannot be read|not a readable)"):
        open_source(nowhere, ("red", "green", "blue"), ("crack", "water", "flooded"))


def test_the_page_has_an_example_of_every_kind_of_folder_and_names_every_class_map() -> None:
    kinds = {yaml.safe_load(block)["kind"] for block in BLOCKS}
    assert {"mask_pairs", "dacl10k", "codebrim", "sen1floods11", "coco", "cvat", "clean_pictures"} <= kinds
    named = PAGE.read_text(encoding="utf-8")
    assert [name for name in class_map_names() if name not in named and name != "water_masks"] == []
