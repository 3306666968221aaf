"""The app of a bundle: which segment is this customer in, why, and what to do.

`streamlit run app/app.py` in the bundle's folder starts it. Pages are in `views`; what they say is computed by
modules that know no Streamlit. Nothing that is uploaded is written anywhere.
"""

import streamlit as st

import session

st.set_page_config(page_title="Customer segments", page_icon=":material/groups:", layout="wide")
page = st.navigation(
    [
        st.Page("views/overview.py", title="Overview", icon=":material/dashboard:", default=True),
        st.Page("views/predict.py", title="Predict", icon=":material/person_search:", url_path="predict"),
        st.Page("views/batch.py", title="Batch", icon=":material/table_view:", url_path="batch"),
        st.Page("views/model.py", title="Model", icon=":material/science:", url_path="model"),
    ],
    position="top",
)
bundle, _ = session.opened()
if bundle.data.is_simulated:
    st.warning("Simulated data: these customers never existed. Do not act on this model.", icon=":material/warning:")
page.run()
