from ironstream.topology import check_text


def messages(text: str) -> list[str]:
    return [fault.message for fault in check_text(b"version: 1\n" + text.encode()).faults]


def test_names_are_free_where_none_is_declared() -> None:
    assert messages("assets: [{id: a, tenant: any, site: any}]\npipelines: []\n") == []
    assert messages("pipelines: [{id: p, adapter: x, tenant: any, site: any, asset: any}]\n") == []


def test_a_tag_may_name_an_asset_of_its_own() -> None:
    said = messages(
        "assets: [{id: a, parameters: [{name: t}]}]\n"
        "pipelines: [{id: p, adapter: x, config: {tags: [{asset: a, name: t}, {asset: b, name: t}]}}]\n"
    )

    assert said == ["asset 'default/default/b' is not declared"]
