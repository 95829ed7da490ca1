from __future__ import annotations

import pytest

from findings.plain_yaml import MAX_BYTES, PlainYamlError, parse_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join(10 * [f'*a{n - 1}'])}]\n" for n in range(1, 10)
)


def test_an_alias_may_spare_typing() -> None:
    text = "train: &set {root: cracks, split: train}\ntest:\n  <<: *set\n  split: test\n"
    assert parse_yaml(text)["test"] == {"root": "cracks", "split": "test"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "12345679021 values, .* once its aliases are written out"),
        ("a: &a {x: 1}\n" + "".join(f"b{n}: &b{n} {{<<: [{', '.join(9 * [f'*b{n - 1}' if n else '*a'])}]}}\n"
                                    for n in range(9)), "aliases are written out"),
        ("a: &a [*a]", "an alias that holds itself"),
        ("a: 1\nb: 2\na: 3", "key 'a' is given twice"),
        ("a: [1", "while parsing"),
        ("!!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("when: 2024-13-45", "month must be in 1..12"),
        ("[" * 100_000, "nested more than 64 levels"),
        ("a: &a0 x\n" + "".join(f"b{n}: &a{n + 1} [*a{n}]\n" for n in range(100)), "101 levels deep"),
        ("{[1]: 2}", "a key must be plain text"),
        ("x" * (MAX_BYTES + 1), "at most 1000000 are read"),
    ],
)  # fmt: skip
def test_what_is_no_plain_yaml_is_refused_at_once(text: str, said: str) -> None:
    with pytest.raises(PlainYamlError, match=said):
        parse_yaml(text)
